// Toggles in place: one click switches a feature in one environment; the server asks first where it matters.

const dialog = document.createElement("dialog");
dialog.className = "ft-dialog";
dialog.setAttribute("aria-labelledby", "ft-dialog-title");
dialog.innerHTML = `
  <form method="dialog">
    <h2 id="ft-dialog-title"></h2>
    <p></p>
    <label>Why <span class="ft-quiet">(optional; kept in the log of changes)</span>
      <input class="ft-control" maxlength="500" autocomplete="off">
    </label>
    <div class="ft-buttons">
      <button class="ft-button ft-primary" value="yes"></button>
      <button class="ft-button" value="no" autofocus>Leave it as it is</button>
    </div>
  </form>`;

const notice = document.createElement("p");
notice.className = "ft-notice";
notice.setAttribute("role", "status");
document.body.append(dialog, notice);

document.addEventListener("click", (event) => {
  const toggle = event.target.closest("[data-switch]");
  if (!toggle) return;
  event.preventDefault();
  if (!toggle.ariaBusy) flip(toggle);
});

for (const form of document.querySelectorAll("[data-submits-itself]")) {
  form.querySelector("button").hidden = true;
  form.addEventListener("change", () => form.submit());
}

async function flip(toggle) {
  toggle.ariaBusy = "true";
  try {
    let answer = await post(toggle, {});
    if (answer?.ask && (await isMeant(answer.ask))) {
      answer = await post(toggle, { confirmed: "yes", _reason: dialog.querySelector("input").value });
    }
    if (answer?.html) show(toggle, answer.html);
    if (answer?.error) say(answer.error);
  } catch {
    say("That did not work: the server could not be reached. Try again.");
  } finally {
    toggle.ariaBusy = null;
  }
}

async function post(toggle, more) {
  const token = toggle.form.elements.csrfmiddlewaretoken.value;
  const answer = await fetch(toggle.formAction, {
    method: "POST",
    headers: { Accept: "application/json", "X-CSRFToken": token },
    body: new URLSearchParams({ status: toggle.value, ...more }),
  });
  if (answer.headers.get("Content-Type")?.startsWith("application/json")) return answer.json();
  if (answer.redirected) return location.reload(); // the session has ended: on to the login, and back here
  say(answer.status === 403 ? "Your role does not permit that." : "It is not there any more. Reload the page.");
}

function isMeant(ask) {
  dialog.querySelector("h2").textContent = ask.title;
  dialog.querySelector("p").textContent = ask.text;
  dialog.querySelector("[value=yes]").textContent = ask.yes;
  dialog.querySelector("input").value = "";
  dialog.returnValue = "no";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}

function show(toggle, html) {
  const cell = toggle.closest("[data-cell]");
  const ground = document.createElement("template");
  ground.innerHTML = html;
  const fresh = ground.content.firstElementChild;
  cell.replaceWith(fresh);
  fresh.querySelector("[data-switch]")?.focus();
  say(fresh.querySelector("a").getAttribute("aria-label"));
}

let leaving;
function say(text) {
  notice.textContent = text;
  notice.classList.add("ft-shown");
  clearTimeout(leaving);
  leaving = setTimeout(() => notice.classList.remove("ft-shown"), 6000);
}
