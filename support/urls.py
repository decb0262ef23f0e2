"""Addresses of support."""

from django.urls import path

from support.views import changes, notes, pages, qps, search, visits

app_name = "support"
urlpatterns = [
    path("", search.search, name="search"),
    path("keys/<str:public_id>/", pages.key, name="key"),
    path("keys/<str:public_id>/receipt/", pages.receipt, name="receipt"),
    path("keys/<str:public_id>/disable/", changes.disable, name="disable"),
    path("keys/<str:public_id>/enable/", changes.enable, name="enable"),
    path("people/<str:person_id>/", pages.person, name="person"),
    path("organizations/<str:customer_id>/", pages.organization, name="organization"),
    path("organizations/<str:customer_id>/suspend/", changes.suspend, name="suspend"),
    path("organizations/<str:customer_id>/resume/", changes.resume, name="resume"),
    path("organizations/<str:customer_id>/view-as/", visits.view_as, name="view_as"),
    path("end-visit/", visits.end_visit, name="end_visit"),
    path("requests/<str:tracking_id>/", pages.request_trace, name="request"),
    path("qps/", qps.queue, name="qps_queue"),
    path("qps/<str:request_id>/", qps.decide, name="qps_request"),
    path("notes/<str:about>/", notes.notes, name="notes"),
]
