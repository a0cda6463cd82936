/** A dialog or menu is open, and has the keys. A toast is a dialog too, by its role, and takes none. */
export function hasOpenOverlay(): boolean {
  return (
    document.querySelector("[role=dialog]:not([aria-modal=false]), [role=alertdialog], [role=menu]") !== null
  );
}
