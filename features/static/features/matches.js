// "Who matches?" for conditions that are not saved yet: asks the server, and leaves the form above as it is.

class MatchesPanel extends HTMLElement {
  connectedCallback() {
    const ask = this.querySelector("form");
    ask.addEventListener("submit", (event) => {
      if (!this.area) return; // somebody who only reads: the page itself answers
      event.preventDefault();
      this.ask(new FormData(ask).get("environment"));
    });
    ask.elements.environment.addEventListener("change", () => ask.requestSubmit());
  }

  get area() {
    return document.querySelector("conditions-editor textarea");
  }

  async ask(environment) {
    const body = new FormData();
    body.set("environment", environment);
    body.set("segment", this.dataset.segment);
    body.set("conditions", this.area.value);
    body.set("csrfmiddlewaretoken", this.area.form.elements.namedItem("csrfmiddlewaretoken").value);
    const shown = this.querySelector(".seg-answer");
    shown.setAttribute("aria-busy", "true");
    try {
      const answer = await fetch(this.dataset.address, { method: "POST", body });
      if (!answer.ok) throw new Error(`The server answered ${answer.status}.`);
      shown.innerHTML = await answer.text(); // our own template, which escapes
    } catch (error) {
      shown.textContent = error.message;
    }
    shown.removeAttribute("aria-busy");
  }
}

customElements.define("matches-panel", MatchesPanel);
