/** Texts become text, whatever is in them: nothing on this page is ever parsed as HTML. */
export function element(tag, { className, ...properties } = {}, ...children) {
  const made = document.createElement(tag)
  if (className !== undefined) made.className = className
  for (const [name, value] of Object.entries(properties)) made.setAttribute(name, value)
  made.append(...children)
  return made
}

/** Only what differs is written, so that a screen reader and a selection are left alone. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text
}

/** Puts the nodes into `parent` in this order, and leaves those alone that are in their place. */
export function arrange(parent, nodes) {
  for (const [index, node] of nodes.entries()) {
    if (parent.children[index] !== node) parent.insertBefore(node, parent.children[index] ?? null)
  }
  while (parent.children.length > nodes.length) parent.lastElementChild.remove()
}

export function byId(id) {
  return document.getElementById(id)
}
