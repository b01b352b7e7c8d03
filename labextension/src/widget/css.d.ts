/** Styles as text, to be put where the widget stands. */
declare module '*.css' {
  const text: string;
  export default text;
}
