"""The models that emoscene knows: what they are, whether they are here, and how to get, check and convert them.

Nothing of this is imported by `import emoscene`, and listing them imports nothing heavy.
"""

from emoscene.catalogue.cards import answers_by, card
from emoscene.catalogue.conversion import Converted, convert
from emoscene.catalogue.entry import (
    Entry,
    entries,
    find,
    for_photographs,
    is_hub_id,
    known,
    megabytes_in_words,
    size,
    terms,
)
from emoscene.catalogue.here import (
    Found,
    converted_folder,
    folder_of,
    hub_cache,
    hub_folder,
    is_here,
    is_runnable,
    others_here,
    pulled_folder,
    ready_folder,
    where_here,
)
from emoscene.catalogue.pulling import Pulled, pull
from emoscene.catalogue.verification import Check, Verified, verify

__all__ = [
    "Check",
    "Converted",
    "Entry",
    "Found",
    "Pulled",
    "Verified",
    "answers_by",
    "card",
    "convert",
    "converted_folder",
    "entries",
    "find",
    "folder_of",
    "for_photographs",
    "hub_cache",
    "hub_folder",
    "is_here",
    "is_hub_id",
    "is_runnable",
    "known",
    "megabytes_in_words",
    "others_here",
    "pull",
    "pulled_folder",
    "ready_folder",
    "size",
    "terms",
    "verify",
    "where_here",
]
