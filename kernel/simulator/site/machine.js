// The machine: a WebAssembly module, which is in machine-wasm.js as text, so that the page needs no server.
//
// `machine.load()` starts it. `machine.ask(request)` answers at once; what can be asked stands in src/page.rs.
"use strict";

const machine = (() => {
  let exports;
  let why;

  const bytesOf = (text) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0));

  /// Bytes of the module's memory. It may have grown, so a view is made anew each time.
  const view = (pointer, length) => new Uint8Array(exports.memory.buffer, pointer, length);

  const load = async () => {
    const page = {
      panicked: (pointer, length) => {
        why = new TextDecoder().decode(view(pointer, length));
      },
    };
    const { instance } = await WebAssembly.instantiate(bytesOf(MACHINE_WASM), { page });
    exports = instance.exports;
  };

  const ask = (request) => {
    const bytes = new TextEncoder().encode(request);
    view(exports.buffer(bytes.length), bytes.length).set(bytes);
    try {
      const length = exports.answer(bytes.length);
      return JSON.parse(new TextDecoder().decode(view(exports.buffer(0), length)));
    } catch (error) {
      throw new Error(why ?? error.message);
    }
  };

  return { load, ask };
})();
