"""Addresses of analytics."""

from django.urls import path

from analytics import limits, views

app_name = "analytics"
urlpatterns = [
    path("", views.usage, name="usage"),
    path("breaches/", views.breaches, name="breaches"),
    path("errors/", views.errors, name="errors"),
    path("callers/", views.callers, name="callers"),
    path("limits/", limits.used, name="limits"),
    path("limits/<str:public_id>/", limits.of_key, name="limit"),
    path("usage.csv", views.csv, name="csv"),
    path("usage.json", views.json, name="json"),
    path("time-zone/", views.time_zone, name="time_zone"),
    path("statement/", views.monthly_statement, name="statement"),
    path("statement.csv", views.statement_csv, name="statement-csv"),
]
