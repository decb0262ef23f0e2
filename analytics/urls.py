"""Addresses of analytics."""

from django.urls import path

from analytics import views

app_name = "analytics"
urlpatterns = [
    path("", views.usage, name="usage"),
    path("breaches/", views.breaches, name="breaches"),
    path("errors/", views.errors, name="errors"),
    path("usage.csv", views.csv, name="csv"),
]
