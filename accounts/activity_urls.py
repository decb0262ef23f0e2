"""Addresses of the activity of an organisation."""

from django.urls import path

from accounts.views import activity

app_name = "activity"
urlpatterns = [
    path("", activity.activity_list, name="list"),
    path("csv/", activity.csv, name="csv"),
]
