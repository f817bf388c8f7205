// Every character, folded as the SDK folds names, as one list in JSON.
import { folded } from "../../sdk/js/src/core/showing.js";

const isSurrogate = (code) => code >= 0xd800 && code < 0xe000;
const all = Array.from({ length: 0x110000 }, (_, code) => (isSurrogate(code) ? "" : folded(String.fromCodePoint(code))));
process.stdout.write(JSON.stringify(all));
