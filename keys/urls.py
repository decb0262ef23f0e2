"""Addresses of keys."""

from django.urls import path

from keys.views import changes, life, pages, qps, start, strings

app_name = "keys"
urlpatterns = [
    path("", pages.key_list, name="list"),
    path("create/", changes.create, name="create"),
    path("deleted/", life.deleted, name="deleted"),
    path("<str:public_id>/", pages.detail, name="detail"),
    path("<str:public_id>/start/", start.start, name="start"),
    path("<str:public_id>/receipt/", pages.receipt, name="receipt"),
    path("<str:public_id>/edit/", changes.edit, name="edit"),
    path("<str:public_id>/delete/", changes.delete, name="delete"),
    path("<str:public_id>/disable/", life.disable, name="disable"),
    path("<str:public_id>/enable/", life.enable, name="enable"),
    path("<str:public_id>/undelete/", life.undelete, name="undelete"),
    path("<str:public_id>/reveal/", strings.reveal, name="reveal"),
    path("<str:public_id>/rotate/", strings.rotate, name="rotate"),
    path("<str:public_id>/retire/", strings.retire, name="retire"),
    path("<str:public_id>/extend/", strings.extend, name="extend"),
    path("<str:public_id>/qps/", qps.manage, name="qps"),
    path("<str:public_id>/qps/<str:request_id>/withdraw/", qps.withdraw, name="qps_withdraw"),
]
