"""Addresses of organisations."""

from django.urls import path

from accounts.views import organizations
from keys.views import policy

app_name = "accounts"
urlpatterns = [
    path("<str:organization_id>/switch/", organizations.switch, name="switch"),
    path("<str:organization_id>/keys-policy/", policy.policy, name="key_policy"),
]
