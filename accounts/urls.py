"""Addresses of organisations."""

from django.urls import path

from accounts import views

app_name = "accounts"
urlpatterns = [path("<str:organization_id>/switch/", views.switch, name="switch")]
