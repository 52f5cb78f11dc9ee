"""The simulated scanner: physics, protocols, artefacts, series names, image headers."""
