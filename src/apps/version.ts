/** The version of this build; `package.json` is its one source and the bundler puts it here. */
declare const PANCODE_VERSION: string;
export const VERSION: string = PANCODE_VERSION;
