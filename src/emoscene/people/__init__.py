"""Who is in the picture: detectors give boxes with stable ids, and faces to the people they belong to."""

from emoscene.people.detector import Detector
from emoscene.people.faces import FaceFinder
from emoscene.people.fastestdet import FastestDet
from emoscene.people.finding import FACE_DETECTOR, FACES_ONLY, PERSON_DETECTOR, Finder, Found, given_people
from emoscene.people.onnx_detectors import open_onnx_detector
from emoscene.people.options import DetectionOptions
from emoscene.people.yunet import YuNet

__all__ = [
    "FACES_ONLY",
    "FACE_DETECTOR",
    "PERSON_DETECTOR",
    "DetectionOptions",
    "Detector",
    "FaceFinder",
    "FastestDet",
    "Finder",
    "Found",
    "YuNet",
    "given_people",
    "open_onnx_detector",
]
