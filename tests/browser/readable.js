// What of a page somebody could not read: text with too little contrast, and fields without a name.
// The bounds are those of WCAG 2.2, AA: 4.5 to 1, and 3 to 1 for large text.
() => {
  const pen = Object.assign(document.createElement("canvas"), { width: 1, height: 1 }).getContext("2d", { willReadFrequently: true });

  const colour = (text) => {
    pen.clearRect(0, 0, 1, 1);
    pen.fillStyle = text;
    pen.fillRect(0, 0, 1, 1);
    const [red, green, blue, alpha] = pen.getImageData(0, 0, 1, 1).data;
    return { rgb: [red, green, blue], alpha: alpha / 255 };
  };

  const over = (above, below) => above.rgb.map((part, at) => part * above.alpha + below[at] * (1 - above.alpha));

  const luminance = (rgb) => {
    const [red, green, blue] = rgb.map((part) => part / 255).map((part) => (part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };

  const ground = (element) => {
    const layers = [];
    for (let at = element; at; at = at.parentElement) {
      layers.unshift(colour(getComputedStyle(at).backgroundColor));
      if (layers[0].alpha === 1) break;
    }
    return layers.reduce((below, above) => over(above, below), [255, 255, 255]);
  };

  const isShown = (element) => element.checkVisibility({ opacityProperty: true, visibilityProperty: true }) && !element.closest("[aria-hidden=true], [disabled]");
  const saysSomething = (element) => [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.textContent.trim());

  const faint = [...document.querySelectorAll("body *")].filter((element) => saysSomething(element) && isShown(element)).flatMap((element) => {
    const style = getComputedStyle(element), below = ground(element);
    const [dark, light] = [luminance(over(colour(style.color), below)), luminance(below)].sort((one, other) => one - other);
    const contrast = (light + 0.05) / (dark + 0.05);
    const isFaint = contrast < (parseFloat(style.fontSize) >= 24 ? 3 : 4.45) && Number(style.opacity) === 1;
    return isFaint ? [`${contrast.toFixed(2)} ${element.tagName}.${element.className}: ${element.textContent.trim().slice(0, 30)}`] : [];
  });

  const fields = document.querySelectorAll("input:not([type=hidden], [type=submit]), select, textarea");
  const nameless = [...fields].filter(isShown).filter((field) => {
    const named = field.labels?.length || field.getAttribute("aria-label") || field.getAttribute("aria-labelledby") || field.title;
    return !named && !field.placeholder;
  }).map((field) => `no name: ${field.outerHTML.slice(0, 120)}`);

  return [...new Set([...faint, ...nameless])];
};
