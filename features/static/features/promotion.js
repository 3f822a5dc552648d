// Choose every difference of the page at once. Overrides stay as they are: they are seldom meant for elsewhere.

const button = document.querySelector("[data-pick-all]");
const boxes = [...document.querySelectorAll('input[name="pick"]:not([data-part="overrides"])')];

if (button && boxes.length > 1) {
  button.hidden = false;
  button.addEventListener("click", () => {
    const checked = !boxes.every((box) => box.checked);
    for (const box of boxes) box.checked = checked;
  });
}
