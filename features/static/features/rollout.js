// The slider beside a percentage. The number is what is sent; the slider only moves it.

document.querySelectorAll("[data-rollout]").forEach(begin);
document.addEventListener("formset:added", (event) => event.target.querySelectorAll("[data-rollout]").forEach(begin));

function begin(rollout) {
  const [slider, number] = rollout.querySelectorAll("input");
  slider.hidden = false;
  slider.value = number.value;
  slider.addEventListener("input", () => {
    number.value = slider.value;
    number.dispatchEvent(new Event("change", { bubbles: true }));
  });
  number.addEventListener("input", () => (slider.value = number.value || 0));
}
