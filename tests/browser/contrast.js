// Every piece of text that is shown: what it says, its colour and the colour behind it, as [r, g, b].
() => {
  const rgb = (colour) => colour.match(/[\d.]+/g).map(Number);
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = rgb(getComputedStyle(at).backgroundColor);
      if (colour.length < 4 || colour[3] === 1) return colour.slice(0, 3);
      if (colour[3] !== 0) throw new Error("half transparent ground: " + at.className);
    }
    return [255, 255, 255];
  };
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const text = walker.currentNode.textContent.trim();
    const element = walker.currentNode.parentElement;
    if (text && element.checkVisibility()) {
      found.push([text, rgb(getComputedStyle(element).color).slice(0, 3), behind(element)]);
    }
  }
  return found;
}
