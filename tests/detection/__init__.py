"""Whether a cascade is happening: kernels against twins, laws of phases, waves and episodes."""
