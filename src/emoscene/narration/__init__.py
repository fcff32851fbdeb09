"""From a picture to a narrative caption: who the person is, what they do, where, and how they carry themselves."""
