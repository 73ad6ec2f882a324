"""Which address leads to which room."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from wayfare.access.signin.web import me, password, people, recovery, sign_in, sign_up
from wayfare.access.web import logs, published, purposes
from wayfare.access.web import looks as access
from wayfare.departures import web
from wayfare.ledger import web as log
from wayfare.people.web import correct, erasing, files, register, shown, team
from wayfare.site import home, reference
from wayfare.site.api import api
from wayfare.site.demo import web as demo

urlpatterns: list[URLPattern | URLResolver] = [
    path("", web.home, name="home"),
    path("home", home.home, name="staff-home"),
    path("departures/", web.page, name="departures-all"),
    path("departures/choose", web.choose, name="departures-choose"),
    path("departures/<slug:key>/", web.page, name="departures"),
    path("language", web.language, name="language"),
    path("log/", log.page, name="log"),
    path("log/checkpoint", log.checkpoint, name="log-checkpoint"),
    path("log/keys", log.keys, name="log-keys"),
    path("log/tile/<path:path>", log.tile, name="log-tile"),
    path("log/access/checkpoint", log.checkpoint, {"log": "access"}, name="access-log-checkpoint"),
    path("log/access/keys", log.keys, {"log": "access"}, name="access-log-keys"),
    path("log/access/tile/<path:path>", log.tile, {"log": "access"}, name="access-log-tile"),
    path("looks/", published.page, name="looks-published"),
    path("looks/table.csv", published.table, name="looks-table"),
    path("demo/sign-in", demo.sign_in, name="demo-sign-in"),
    path("staff/sign-in", sign_in.sign_in, name="staff-sign-in"),
    path("staff/sign-in/options", sign_in.sign_in_options, name="staff-sign-in-options"),
    path("staff/sign-out", sign_in.sign_out, name="staff-sign-out"),
    path("staff/sign-up/<str:secret>", sign_up.sign_up, name="staff-sign-up"),
    path("staff/sign-up/<str:secret>/options", sign_up.sign_up_options, name="staff-sign-up-options"),
    path("staff/me", me.me, name="staff-me"),
    path("staff/me/options", me.me_options, name="staff-me-options"),
    path("staff/me/password", password.password, name="staff-password"),
    path("staff/recover", recovery.recover, name="staff-recover"),
    path("staff/recover/<str:secret>", recovery.recovering, name="staff-recovering"),
    path("staff/recover/<str:secret>/options", recovery.recovering_options, name="staff-recovering-options"),
    path("staff/recoveries", recovery.recoveries, name="staff-recoveries"),
    path("staff/people", people.people, name="staff-people"),
    path("staff/people/invite", people.invite, name="staff-invite"),
    path("staff/people/<uuid:staff>", people.colleague, name="staff-colleague"),
    path("staff/looks", access.looks, name="staff-looks"),
    path("staff/matters", access.staff_matters, name="staff-matters"),
    path("staff/log", logs.logs, name="staff-log"),
    path("staff/purposes", purposes.purposes, name="staff-purposes"),
    path("staff/requests", access.requests, name="staff-requests"),
    path("staff/notices", access.notices, name="staff-notices"),
    path("staff/offices", people.offices, name="staff-offices"),
    path("files/", files.search, name="files"),
    path("files/new", register.register, name="file-enrol"),
    path("files/<uuid:person>", files.file, name="file"),
    path("files/<uuid:person>/work", files.take_up, name="file-take-up"),
    path("files/<uuid:person>/team", team.team, name="file-team"),
    path("files/work/<uuid:task>", files.work, name="file-work"),
    path("files/<uuid:person>/looks", shown.looks, name="file-looks"),
    path("files/<uuid:person>/erase", erasing.ask, name="file-erase"),
    path("files/erasure/<uuid:erasure>", erasing.erasure, name="file-erasure"),
    path("files/work/<uuid:task>/correct/<str:group>", correct.correct, name="file-correct"),
    path("files/work/<uuid:task>/seal", files.seal, name="file-seal"),
    path("api/", reference.guide, name="api-guide"),
    path("api/v1/docs", reference.reference, name="api-reference"),
    path("api/v1/", api.urls),
]
