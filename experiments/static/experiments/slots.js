// The bar of the chosen layer, below the field: who holds its slots, and which ones the experiment would get.

const PAUSE = 200; // milliseconds after the last key

const slots = document.querySelector("input[name=slots]");
const about = document.querySelector("variant-weights");
if (slots && about) {
  const { elements } = slots.form;
  const bar = document.createElement("div");
  bar.className = "ex-slots";
  bar.setAttribute("aria-live", "polite");
  let row = slots.parentElement;
  while (!row.contains(elements.in_layer)) row = row.parentElement;
  row.after(bar);
  let timer = 0;
  let asking = null;

  const show = async () => {
    const asked = new URLSearchParams({
      layer: elements.in_layer.value,
      environment: about.dataset.environment ?? elements.environment?.value ?? "",
      experiment: about.dataset.experiment ?? "",
      slots: slots.value,
    });
    asking?.abort();
    asking = new AbortController();
    if (!elements.in_layer.value) return bar.replaceChildren();
    try {
      const answer = await fetch(`${about.dataset.slots}?${asked}`, { signal: asking.signal });
      if (answer.ok) bar.innerHTML = await answer.text(); // our own template, which escapes
    } catch (error) {
      if (error.name !== "AbortError") throw error;
    }
  };
  const showSoon = () => {
    clearTimeout(timer);
    timer = setTimeout(show, PAUSE);
  };

  slots.addEventListener("input", showSoon);
  elements.in_layer.addEventListener("change", show);
  elements.environment?.addEventListener?.("change", show);
  show();
}
