"""Fields that Wayfare does not take in, whatever they hold (`README.md`, What Wayfare never does). Pure.

A file that names such a field is refused whole, by the field's name, before any of it is stored. The lists
are data; `reason_against` reads a name as people write it: camelCase, spaces, dashes, prefixes, accents, plurals.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import NamedTuple


class Ban(NamedTuple):
    """One thing that is never taken in: the reason, and the names that give it away."""

    reason: str
    words: frozenset[str]
    """A word of the name, alone or with a plural s."""
    phrases: frozenset[str]
    """Neighbouring words of the name, written together."""
    stems: tuple[str, ...]
    """Letters anywhere in the name, however it is divided."""


def _ban(reason: str, words: str, phrases: str, stems: str) -> Ban:
    return Ban(reason, frozenset(words.split()), frozenset(phrases.split()), tuple(stems.split()))


BANS: tuple[Ban, ...] = (
    _ban(
        "a number plate or another mark of a vehicle; Wayfare follows no vehicles",
        "plate anpr alpr lpr vin vrm vrn kennzeichen nummernschild immatriculation matricula targa",
        "vehicleid vehicleregistration vehiclenumber carregistration registrationmark plaquenumero",
        "licenseplate licenceplate numberplate registrationplate vehicleplate carplate platenumber plateno"
        " platehash plateread plaqueimmatriculation autokennzeichen",
    ),
    _ban(
        "a face, a fingerprint or another biometric; Wayfare takes in no images or templates of people",
        "face facial faceprint finger fingerprint thumbprint iris retina retinal palm palmprint"
        " handprint vein"
        " voiceprint gait dna minutia minutiae mugshot selfie photo photograph portrait headshot"
        " eurodac afis abis"
        " wsq empreinte fingerabdruck gesichtsbild lichtbild huella dactilar biometria",
        "voicetemplate voicesample eyescan bodyscan handgeometry irisscan personimage imageofperson",
        "biometr fingerprint faceid faceimage faceprint facetemplate faceembedding facescan"
        " facephoto facialimage"
        " facialrecognition irisscan iriscode irisimage retinascan palmprint voiceprint mugshot",
    ),
    _ban(
        "a location trail or a way of following someone; Wayfare knows a departure's place, not a person's path",
        "gps gpx latitude longitude lat lon lng geolocation geo geohash geofence geojson geotag"
        " coordinate coord"
        " trajectory whereabouts waypoint breadcrumb trackpoint imsi imei imeisv msisdn bssid ssid"
        " geoposition"
        " locations",
        "locationtrail locationhistory locationlog locationtrack locationtrace locationping locationpoint"
        " locationdata locationupdate lastlocation currentlocation livelocation homelocation devicelocation"
        " phonelocation personlocation positionhistory positiontrail movementhistory movementlog"
        " movementtrail"
        " travelhistory traveltrail travelroute celltower cellid cellsite wifiaccesspoint ankletag"
        " ankletagid"
        " ankletmonitor trackerid deviceid ipaddress ipaddr phonenumber trackpoint gpstrack tracklog",
        "geolocation locationtrail locationhistory geofence trajector whereabouts",
    ),
    _ban(
        "the number of a passport or another identity document; a person here is an opaque id",
        "passport passeport reisepass pasaporte passaporto mrz ssn nin nino curp cnic aadhaar laissezpasser"
        " reisepassnummer ausweisnummer",
        "documentnumber documentno documentnum documentnr documentid docnumber docno docnum docnr docid"
        " traveldocument traveldoc identitydocument identitynumber identityno identitycard"
        " identitydoc idcard"
        " idnumber iddocument nationalid nationalidnumber nationalnumber visanumber visano visaid"
        " permitnumber"
        " permitno residencepermit residencecard laissezpasser aliennumber alienregistration anumber"
        " socialsecurity socialsecuritynumber birthcertificate drivinglicence drivinglicense driverlicense"
        " driverslicense ausweisnummer numerodocument seamanbook tazkira tazkiranumber",
        "passport passeport reisepass traveldocument documentnumber identitycard nationalid socialsecurity",
    ),
    _ban(
        "a passenger list; Wayfare holds only people who enrolled or asked for help",
        "pnr passenger manifest",
        "apidata apirecord seatmap ticketnumber eticket boardinglist flightmanifest",
        "passengerlist passengername passengerrecord flightmanifest",
    ),
    _ban(
        "a social-media, tax or benefit record; Wayfare has no use for it",
        "facebook instagram tiktok whatsapp telegram snapchat twitter linkedin socialmedia tax tin"
        " benefit welfare"
        " medicaid vkontakte",
        "socialmedia socialhandle socialaccount taxnumber fiscalcode codicefiscale",
        "socialmedia facebook instagram taxnumber taxrecord taxreturn benefitclaim benefitrecord",
    ),
)

_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|(?<=[A-Za-z])(?=[0-9])")
_APART = re.compile(r"[^A-Za-z0-9]+")
_NAME_LIMIT = 2_000


def _words(name: str) -> list[str]:
    """Divide a field name into lower-case words without accents, or marks that do not show."""
    plain = unicodedata.normalize("NFKD", name[:_NAME_LIMIT])
    plain = "".join(char for char in plain if unicodedata.category(char) not in ("Mn", "Cf", "Cc"))
    return [word.lower() for part in _APART.split(plain) for word in _CAMEL.split(part) if word]


def _given_away(words: list[str], ban: Ban) -> bool:
    for start, word in enumerate(words):
        if word in ban.words or (word.endswith("s") and word[:-1] in ban.words):
            return True
        together = word
        for other in words[start + 1 : start + 4]:
            together += other
            if together in ban.phrases or together in ban.words or together.removesuffix("s") in ban.phrases:
                return True
    joined = "".join(words)
    return any(joined in (phrase, phrase + "s") for phrase in ban.phrases) or any(stem in joined for stem in ban.stems)


@lru_cache(maxsize=10_000)
def reason_against(name: str) -> str | None:
    """Return why a field of this name is not taken in, or None when nothing speaks against it.

    The name alone decides, at any depth, in any spelling; what the field holds is never looked at.
    Source: `README.md`, What Wayfare never does.
    """
    words = _words(name)
    return next((ban.reason for ban in BANS if _given_away(words, ban)), None)
