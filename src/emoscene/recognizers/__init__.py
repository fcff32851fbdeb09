"""Ways of answering: one file each, all behind the `Recognizer` contract of `base`."""
