"""The experiment: plan, engine, stop rules, schedule of spectra."""
