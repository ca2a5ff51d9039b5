// Made by `python -m acquire.service.page_assets`: change what it is made from, not this.
export const FLAGS = {
  "1": "the source was in compliance: the limit, not the level, decided",
  "2": "the source was limited by its fixed measure range",
  "4": "the source meter read over-range",
  "8": "the over-voltage protection had tripped",
  "16": "the photodiode meter read overflow",
  "32": "the photodiode signal is below 3 standard deviations of the dark readings (without an amplifier 3 steps of its meter): no efficiencies from it",
  "64": "computed while the sweep ran, before all spectra were known",
  "128": "the spectrum is cut off at 380 or 780 nm: EQE is a lower bound",
  "256": "the spectra on both sides differ by more than 1 % in their EQE factor",
  "512": "no spectrum that counts for this point was known: no EQE",
  "1024": "there is no photodiode reading",
  "2048": "there is no voltage or current reading",
  "4096": "read a second time, because a number of the first reading was missing",
  "8192": "the source meter read another level than was sent, although nothing limited it",
  "16384": "what was recorded here had changed in the file; nothing of it was used",
  "65536": "the photodiode's amplifier was at its limit: there was more light than it shows",
  "131072": "a finer level, added between two of the sweep file because of what they showed",
  "262144": "the first point after a pause, in which the output was off: a row of /entry/pauses",
  "32768": "came late by more than its own planned time: the device stayed at the level before it meanwhile",
};
export const STATUSES = {
  "running": "it is going on, or was cut off and has not been recovered",
  "completed": "every level of the plan was measured",
  "stopped": "ended before its last level, in order: by a rule of the sweep file, at a limit, or because somebody asked for it; `stop_reason` says which",
  "failed": "something went wrong, or it was cut off; what was measured until then is in the file",
  "interrupted": "it was cut off, and can be gone on with in the same file: `acquire run --resume`; what was measured until then is in it",
};
