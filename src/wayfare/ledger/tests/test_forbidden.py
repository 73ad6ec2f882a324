from __future__ import annotations

import pytest

from wayfare.ledger import registry
from wayfare.ledger.entries.forbidden import reason_against
from wayfare.ledger.entries.types import fields

REFUSED = """
plate|plates|plate_number|licensePlate|license_plate|LICENCE-PLATE|Licence Plate|number_plate|numberplate|plateNo
PLATE_NO|vehicle_plate|vehicle.plate|anpr|anpr_read|alprHit|VIN|car_registration|Kennzeichen|plaque_immatriculation
plate1|x_plate|pláte|ｐｌａｔｅ|pla\u200bte|facts.plate
face|face_image|faceImage|FaceTemplate|faceid|face-embedding|facial_scan|fingerprint|finger_print|fingerprints
left_index_finger|iris|irisCode|retina_scan|biometric|biometrics|biometricHash|dna_sample|palm_print|voice_print
mugshot|photo|photograph|eurodac_id|empreintes|selfie
gps|gps_track|latitude|lat|lon|lng|geoLocation|location_trail|locationTrail|location-history|LocationHistory
last_location|coordinates|trajectory|whereabouts|cell_tower|imei|IMSI|waypoints|movement history|ankle_tag|geohash
device_location|locations
passport|passport_number|passportNo|Passport No.|PASSPORTNUMBER|travel_document|travelDocumentNumber|document_number
documentNo|doc_number|mrz|MRZ line 1|national_id|nationalId|id_card|id_number|visa_number|identity-number|ssn
residence_permit_number|laissez-passer|passeport|numero_passeport|Reisepass|alien_number
passenger_list|pnr|flight_manifest|facebook|socialMedia|social_media_handle|tax_id|tax|benefits|benefit_claim
"""
HARMLESS = """
place|destination|nationality|surface|plated|updated|template|platform|plateau|interface|preface|latest|late|flat|slate
entry_id|occurred_at|source|kind|person|persons|programme|sex|birth_date|departure|assistance|planned_on|evidence
reason|confirmation|link|facts|position|recorded_at|relation|translation|translated_at|longer|belongs_to|colony
documents_ready|document|note|language|taxonomy|beneficiary|finished_on|fingered|facet|irish|passed|pass|passed_on
compass|route_to_help|counsellor|case_id|training|vintage|latency|balloon|geography|geology|palmer|trackable|platelet
office|region|country_of_return|flight_date|carrier|airline
"""


def names(text: str) -> list[str]:
    return [name for line in text.strip().splitlines() for name in line.split("|")]


@pytest.mark.parametrize("name", names(REFUSED))
def test_name_is_refused(name):
    assert reason_against(name)


@pytest.mark.parametrize("name", names(HARMLESS))
def test_name_is_harmless(name):
    assert reason_against(name) is None


def test_lists_are_long_enough_to_mean_something():
    assert len(names(REFUSED)) >= 60
    assert len(names(HARMLESS)) >= 40


def test_no_field_of_an_entry_is_refused():
    for type_ in registry.kinds.values():
        for field in fields(type_):
            assert reason_against(field.name) is None
