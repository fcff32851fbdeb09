"""English phrases that steer the reading of an answer: negation, idioms, reasons, conditions, other people."""

from __future__ import annotations

from collections.abc import Sequence

from emoscene.scoring.answer_words import Lexicon, Mention, Word

__all__ = [
    "ABSENT",
    "BOUNDARIES",
    "COMPANIONS",
    "COMPOUND_TAILS",
    "FIRST_SIGHT",
    "FOLLOWERS",
    "IDIOMS",
    "LINKING",
    "MUTED",
    "NEGATORS",
    "NOMINAL",
    "OTHERS",
    "PERSON_NOUNS",
    "PRESENT",
    "RESTARTS",
    "SCENES",
    "SHOWING",
    "Phrases",
    "named_in",
]


class Phrases:
    """A set of phrases, written `first phrase|second phrase`, found at a place in a list of words."""

    def __init__(self, *spelt: str) -> None:
        self._by_first: dict[str, list[tuple[str, ...]]] = {}
        for phrase in "|".join(spelt).split("|"):
            words = tuple(phrase.split())
            self._by_first.setdefault(words[0], []).append(words)
        for phrases in self._by_first.values():
            phrases.sort(key=len, reverse=True)

    def at(self, words: Sequence[Word], i: int) -> int:
        """The number of words of the longest phrase that stands at `i`; 0 if none does."""
        if i >= len(words):
            return 0
        for phrase in self._by_first.get(words[i].text, ()):
            if i + len(phrase) <= len(words) and all(
                words[i + k].text == phrase[k] and not _breaks(words[i + k].gap)
                for k in range(1, len(phrase))
            ):
                return len(phrase)
        return 0


def _breaks(gap: str) -> bool:
    return any(char in ",:;()" for char in gap)


#: Begin to deny what follows, up to the end of the clause.
NEGATORS = Phrases(
    "not|no|never|neither|nor|without|hardly|barely|scarcely|lack|lacks|lacking|lacked|absence|devoid",
    "unlikely",
    "excluding|minus|instead of|rather than|as opposed to|opposed to|unlike|far from|anything but",
    "free of|free from",
    "less likely|least likely|rules out|rule out|ruling out|ruled out|excludes|exclude|fails to|nothing like",
    "nothing suggests|nothing indicates|non|little sign|little signs|little evidence|little indication",
    "little to no",
    "little or no|few signs|opposite of|loss of|none of|no longer|cannot|deny|denies|absent any|nobody",
    "no one",
    "isn't|aren't|wasn't|weren't|doesn't|don't|didn't|can't|couldn't|won't|wouldn't|hasn't|haven't|hadn't",
    "overcome his|overcome her|overcome their|overcome the|overcame his|overcame her|overcame their",
    "i cannot see|i can't see|i don't see|i do not see|i see no",
    "shouldn't|isnt|arent|wasnt|doesnt|dont|didnt|cant|couldnt|wont|wouldnt|hasnt|ain't",
    # the same for scripts without spaces, where the negation stands before the word
    "不|没|沒|無|无|非|未",
)

#: Negators in front of nouns, after which "and" goes on denying: "without fear and pain".
NOMINAL = frozenset(
    [
        *(
            "no",
            "neither",
            "nor",
            "without",
            "lack",
            "lacks",
            "lacking",
            "lacked",
            "absence",
            "devoid",
            "excluding",
        ),
        *(
            "minus",
            "instead of",
            "rather than",
            "as opposed to",
            "opposed to",
            "free of",
            "free from",
            "rules out",
        ),
        *(
            "rule out",
            "ruling out",
            "ruled out",
            "excludes",
            "exclude",
            "little sign",
            "little signs",
            "none of",
        ),
        *(
            "little evidence",
            "little indication",
            "little to no",
            "little or no",
            "few signs",
            "overcome his",
        ),
        *("overcome her", "overcome their", "overcome the", "overcame his", "overcame her", "overcame their"),
    ]
)

#: Neither deny nor name anything.
IDIOMS = Phrases(
    "no doubt|without doubt|without a doubt|without any doubt|beyond doubt|beyond a doubt|no doubts",
    "not only|not just|not merely|not simply|not solely|not to mention|not limited to|not without|if not",
    "isn't only|isn't just|is not only|is not just|doesn't just|does not just|does not only",
    "no wonder|no less|no lack of|no shortage of|no particular order|no specific order|no order",
    "never fails to",
    "cannot help but|can't help but|couldn't help but|cannot help|can't help|cannot hide|can't hide",
    "cannot contain",
    "can't contain|cannot conceal|cannot deny|can't deny|cannot be denied|nothing but|none other than",
    "no other than|other than|nothing short of|no question|in no way limited",
    "a certain|certain amount|certain level|certain degree|certain sense|certain kind|make sure|makes sure",
    "for certain|with certainty|with confidence|with absolute certainty|with complete certainty",
    "to be certain",
    "in focus|out of focus|focus of|the focus|the main focus|main focus|point of interest|points of interest",
    "area of interest|areas of interest|object of interest|place of interest|person of interest|be of interest",
    "the content",
    "content of|center of attention|centre of attention|in doubt that|critical moment|critical point",
    "more often than not",
    "glad to help|happy to help|happy to assist|glad to assist|happy to answer|love to help|hope this",
    "hope that helps",
    "never been more|never looked more|couldn't be more|could not be more",
    "surprisingly enough|of course|such a surprise|by surprise|no problem|not sure",
)


def named_in(words: Sequence[Word], lexicon: Lexicon) -> list[Mention]:
    """The mentions of labels that are no part of an idiom: "no doubt" names no doubt."""
    idle: dict[int, int] = {}
    i = 0
    while i < len(words):
        taken = IDIOMS.at(words, i)
        idle.update(dict.fromkeys(range(i, i + taken), i + taken))
        i += taken or 1
    # "without doubt/confusion" is no idiom: the term goes on behind it
    return [mention for mention in lexicon.mentions(words) if mention.end > idle.get(mention.start, 0)]


#: Begin something that says nothing of the person: reasons, conditions, what cannot be known, the model itself.
MUTED = Phrases(
    "because|due to|based on|given|considering|judging|owing to|thanks to",
    "since|as he|as she|as they|as the|as it|as its|as his|as her|as their|as there|as this",
    "as evidenced|as indicated|as suggested",
    "as shown|as seen|as evident|as can be seen|evidenced by|indicated by|suggested by|shown by",
    "supported by|implied by",
    "judging by|judging from|conveyed by|expressed by|conveyed through|expressed through|reflected in",
    "evident in|evident from",
    "if|whether|unless|in case|would have|pretending to|pretends to|trying to look|tries to look",
    "i am|i'm|we are|we're|i hope|i would love|i can't|i cannot|i am unable|i'm unable|i am not able",
    "i'm not able",
    "i don't have|i do not have|i won't|i am not sure|i'm not sure|i don't know|i do not know",
    "i am unsure|i'm unsure",
    "it is difficult|it's difficult|it is hard|it's hard|it is impossible|it's impossible",
    "it is unclear|it's unclear",
    "it is uncertain|it's uncertain|it is not possible|it isn't possible|it's not possible",
    "it is not clear|it's not clear",
    "it isn't clear|it is challenging|it's challenging|difficult to determine|difficult to say",
    "difficult to tell",
    "hard to say|hard to tell|hard to determine|impossible to determine|impossible to say|impossible to tell",
    "unable to determine|not possible to determine|cannot determine|can't determine|cannot be determined",
    "can't be determined|cannot say|can't say|cannot tell|can't tell|cannot be certain",
    "can't be certain|unclear",
    "cannot be sure|can't be sure|cannot be ascertained|cannot be inferred",
)

#: Begin a clause about others than the person.
OTHERS = Phrases(
    "others|the others|other people|the other|the crowd|the audience|the spectators|spectators|the onlookers",
    "onlookers|the bystanders|bystanders|everyone else|everybody else|his friends|her friends|their friends",
    "the people around|people around|the people surrounding|the people in the background",
    "people in the background",
    "the people behind|the people next|the person next|the person beside|the person behind|the person on the",
    "the man next to|the woman next to|the man beside|the woman beside|the man behind|the woman behind",
    "the rest of|the woman in the background|the man in the background|his teammates|her teammates",
    "his opponent",
    "her opponent|the opponent|some people|most people|most of the people|another person|another man",
    "another woman",
)

#: What holds at first sight only, if "but" follows.
FIRST_SIGHT = Phrases("at first glance|at first sight|at first|initially")

#: Of whom a relative clause speaks, and not of the person.
COMPANIONS = frozenset(
    "wife husband friend friends partner girlfriend boyfriend mother father parents son daughter child children baby "
    "brother sister colleague colleagues opponent opponents teammate teammates crowd audience others dog people".split()
)

#: End a clause, and with it a negation or a reason.
BOUNDARIES = frozenset(
    "but however although though while whereas instead rather nevertheless nonetheless therefore thus hence "
    "so still yet except besides and/or consequently".split()
)

#: After a comma (or "and") these begin a new statement.
RESTARTS = frozenset(
    "he she they it i we you this that there these those the his her their its my who which "
    "he's she's they're it's that's i'm i'd just only simply merely rather instead perhaps possibly maybe probably "
    "likely more suggesting indicating showing conveying expressing displaying implying reflecting demonstrating "
    "revealing signaling signalling making giving leading seems seem appears appear looks look "
    "feels is are has".split()
)

#: Verbs by which somebody is said to feel something; after a negation they begin a new statement.
SHOWING = frozenset(
    "feels seems appears looks shows expresses conveys displays suggests indicates experiences reveals "
    "demonstrates exhibits is are has".split()
)

LINKING = frozenset(
    "is are was were be been being am seem seems seemed seeming appear appears appeared appearing look looks looked "
    "looking feel feels felt feeling sound sounds get gets getting become becomes becoming remain remains grow grew "
    "isn't aren't wasn't weren't he's she's they're it's".split()
)

#: Predicates whose negation denies the subject, and those that deny by themselves.
PRESENT = frozenset(
    "present evident visible apparent applicable shown displayed likely indicated there detected relevant seen "
    "expressed clear obvious noticeable observed depicted fit apply match felt appropriate suitable included "
    "supported suggested discernible conveyed exhibited fitting involved".split()
)
ABSENT = Phrases(
    "absent|missing|lacking|unlikely|excluded|irrelevant|inapplicable|ruled out|less likely|nowhere",
    "out of the question|unsupported|negligible|nonexistent|non existent",
)

#: Things that are described with the words of emotions.
SCENES = frozenset(
    "atmosphere scene setting environment place background game match music event weather street room picture image "
    "photo situation park party water sky sea beach landscape lighting surroundings ambience ambiance vibe view city "
    "film movie story book song day evening night morning occasion".split()
)

#: Nouns and other words that may stand behind an adjective which describes the person.
PERSON_NOUNS = frozenset(
    "person man woman boy girl child kid baby toddler individual lady guy gentleman adult teenager player athlete "
    "student teacher worker singer dancer performer musician runner bride groom mother father parent couple one "
    "face expression expressions smile smiles look gaze eyes eye mood demeanor demeanour posture state feeling "
    "feelings emotion emotions manner body pose stance attitude gesture gestures tone appearance energy reaction "
    "response experience moment frown grin tears spirit spirits label labels mode sense way disposition mind heart "
    "body-language language facial emotional mental time presence outlook mindset".split()
)
FOLLOWERS = frozenset(
    "and or but nor in on at about with by of for to from as because since while when that who which is are was be "
    "than rather yet so if the a an his her their its this these those due during after before toward towards over "
    "around into given also too well not even enough though although perhaps possibly maybe here there now today "
    "however all each other himself herself themselves him them it me you some any both through between among "
    "despite without within under again together likely etc vs versus based where how what or/and are he she they "
    "may might can could would should will has have had seems appears looks feels shown displayed "
    "visible evident".split()
)

#: Nouns that make another thing of an emotion before them.
COMPOUND_TAILS = frozenset(
    "sign signs ring rings party parties parade card cards relief management song story movie film boat seat treaty "
    "ball room symbol letter gift gifts rally march flag killer killers medication factor rate festival talks corps "
    "therapy hormone disorder".split()
)
