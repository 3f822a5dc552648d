// Buttons that copy: `data-copy="#id"` copies the text of an element, `data-copy-text` its own. Without scripts they
// stay hidden, and the text can be selected.

const SAID_MS = 1600;

function fallback(text) {
  // Where a page did not come over https, browsers keep the clipboard from it.
  const area = document.createElement("textarea");
  area.value = text;
  area.className = "tl-offscreen";
  document.body.append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  return done;
}

async function write(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return fallback(text);
  }
}

function textOf(button) {
  if (button.dataset.copyText !== undefined) return button.dataset.copyText;
  return document.querySelector(button.dataset.copy).textContent;
}

async function copy(button) {
  const label = button.querySelector("[data-label]") ?? button;
  const before = label.textContent;
  if (button.dataset.busy) return;
  button.dataset.busy = "yes";
  label.textContent = (await write(textOf(button))) ? "Copied" : "Select and copy";
  setTimeout(() => {
    label.textContent = before;
    delete button.dataset.busy;
  }, SAID_MS);
}

for (const button of document.querySelectorAll("[data-copy], [data-copy-text]")) button.hidden = false;
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-copy], [data-copy-text]");
  if (button) copy(button);
});
