/** A key's cap. @param inverse on a surface in the text's colour */
export function Kbd({ children, inverse = false }: { children: string; inverse?: boolean }) {
  return (
    <kbd
      className={`inline-flex min-w-5 items-center justify-center rounded border px-1 font-sans text-[11px] leading-[18px] ${
        inverse ? "border-bg/40 text-bg" : "border-line text-muted"
      }`}
    >
      {children}
    </kbd>
  );
}
