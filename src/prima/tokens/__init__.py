"""From a study to tokens: contract, patches, foreground, latents, one packed batch."""
