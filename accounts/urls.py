"""Addresses of organisations."""

from django.urls import path

from accounts import views
from accounts.signin import views as signin

app_name = "accounts"
urlpatterns = [
    path("<str:organization_id>/switch/", views.switch, name="switch"),
    path("<str:organization_id>/security/", signin.organization, name="security"),
]
