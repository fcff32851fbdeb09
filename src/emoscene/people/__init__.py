"""Who is in the picture: detectors give boxes with stable ids."""

from emoscene.people.detector import Detector
from emoscene.people.fastestdet import FastestDet
from emoscene.people.finding import find_people, given_people, person_detector
from emoscene.people.yunet import YuNet

__all__ = ["Detector", "FastestDet", "YuNet", "find_people", "given_people", "person_detector"]
