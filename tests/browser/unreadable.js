// Return what of the extension has too little contrast. Text needs 4.5:1, large text, signs and the borders of fields 3:1
// (WCAG 2.2, 1.4.3 and 1.4.11). What cannot be used at the moment is exempt, but must look like it.
() => {
    const parse = text => {
        const found = /^rgba?\(([^)]*)\)$/.exec(text);
        if (!found) throw new Error(`unknown colour: ${text}`);
        const [r, g, b, a = 1] = found[1].split(/[ ,/]+/).map(Number);
        return [r, g, b, a];
    };
    const over = ([r, g, b, a], under) => [r, g, b].map((c, i) => c * a + under[i] * (1 - a)).concat(1);
    const ancestors = node => (node ? [node, ...ancestors(node.parentElement)] : []);
    const opacity = node => ancestors(node).reduce((all, at) => all * Number(getComputedStyle(at).opacity), 1);
    const behind = node => ancestors(node).reverse()
        .reduce((colour, at) => over(parse(getComputedStyle(at).backgroundColor), colour), [255, 255, 255, 1]);
    const light = colour => colour.slice(0, 3)
        .map(c => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4))
        .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
    const contrast = (colour, node, background) => {
        const [r, g, b, a] = parse(colour);
        const [one, two] = [light(over([r, g, b, a * opacity(node)], background)), light(background)];
        return (Math.max(one, two) + 0.05) / (Math.min(one, two) + 0.05);
    };
    const told = new Set();
    const check = (node, colour, background, least, what) => {
        const found = contrast(colour, node, background);
        if (found < least) {
            const named = node.closest('[class*="mn-"]')?.getAttribute('class');
            told.add(`${what} in ${node.tagName.toLowerCase()}, ${named}: ${found.toFixed(2)}`);
        }
    };
    const roots = ['margin', 'panel', 'browser', 'dialog', 'status-item'].map(name => `.mn-${name}`);
    const enabled = document.querySelector('.mn-button:enabled');
    for (const node of document.querySelectorAll(roots.flatMap(root => [root, `${root} *`]).join())) {
        if (!node.getClientRects().length || !node.checkVisibility({visibilityProperty: true})) {
            continue;
        }
        const style = getComputedStyle(node);
        const background = behind(node);
        if (node.matches(':disabled')) {
            const usable = contrast(getComputedStyle(enabled).color, enabled, background);
            if (contrast(style.color, node, background) > 0.7 * usable) {
                told.add(`"${node.textContent}" looks as if it could be pressed`);
            }
            continue;
        }
        const text = [...node.childNodes].filter(each => each.nodeType === 3).map(each => each.data).join('').trim();
        if (text && node.tagName !== 'title' && node.tagName !== 'OPTION') {
            const size = parseFloat(style.fontSize);
            const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
            const colour = node instanceof SVGElement ? style.fill : style.color;
            check(node, colour, background, large ? 3 : 4.5, `"${text.slice(0, 30)}"`);
        }
        if (node.matches('input.mn-input, select.mn-input, textarea.mn-input')) {
            check(node, style.color, background, 4.5, `"${node.value.slice(0, 30)}"`);
            check(node, style.borderTopColor, behind(node.parentElement), 3, 'the border');
            if (node.placeholder) {
                check(node, getComputedStyle(node, '::placeholder').color, background, 4.5, `"${node.placeholder}"`);
            }
        }
        if (node.matches('.mn-sign')) check(node, style.stroke, background, 3, 'a sign');
        if (node.matches('.mn-stripe')) check(node, style.fill, background, 3, 'a stripe');
        if (node.matches('.mn-bar')) check(node, style.backgroundColor, behind(node.parentElement), 3, 'a bar');
    }
    // A step may get any of the colours, and the pointer may be over its chip.
    const probe = document.body.appendChild(document.createElement('span'));
    for (const page of ['var(--jp-layout-color1)', 'var(--jp-layout-color2)']) {
        for (const name of [0, 1, 2, 3, 4, 5, 6, 7].map(hue => `hue-${hue}`).concat('good', 'work', 'wait', 'bad')) {
            probe.style.cssText = `color: var(--mn-${name}); background: ${page}`;
            const style = getComputedStyle(probe);
            check(probe, style.color, parse(style.backgroundColor), 4.5, `--mn-${name} on ${page}`);
        }
    }
    probe.remove();
    return [...told];
}
