"""Addresses of support."""

from django.urls import path

from support import views

app_name = "support"
urlpatterns = [
    path("", views.search, name="search"),
    path("keys/<str:public_id>/", views.key_page, name="key"),
    path("keys/<str:public_id>/receipt/", views.receipt, name="receipt"),
    path("keys/<str:public_id>/disable/", views.disable, name="disable"),
    path("keys/<str:public_id>/enable/", views.enable, name="enable"),
]
