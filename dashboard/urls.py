"""Every address of the dashboard."""

from allauth.account.decorators import secure_admin_login
from django.conf import settings
from django.contrib import admin
from django.urls import include, path

from dashboard import brand, styleguide, views

admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]
admin.site.site_header = admin.site.site_title = settings.BRAND_NAME
admin.site.index_title = "Administration"

urlpatterns = [
    path("", views.home, name="home"),
    path("keys/", include("keys.urls")),
    path("analytics/", include("analytics.urls")),
    path("alerts/", include("alerts.urls")),
    path("notices/", include("notices.urls")),
    path("activity/", include("accounts.activity_urls")),
    path("support/", include("support.urls")),
    path("organizations/", include("accounts.urls")),
    path("accounts/", include("accounts.signin.urls")),
    path("accounts/", include("allauth.account.urls")),
    path("admin/", admin.site.urls),
    path("find/", views.find, name="find"),
    path("shortcuts/", views.shortcuts, name="shortcuts"),
    path("theme/", views.choose_theme, name="theme"),
    path("language/", views.choose_language, name="language"),
    path("mail/", views.development_mail, name="development_mail"),
    path("styleguide/", styleguide.styleguide, name="styleguide"),
    path("brand/style.css", brand.style, name="brand_style"),
    path("brand/logo", brand.logo, name="brand_logo"),
    path("livez", views.livez, name="livez"),
    path("readyz", views.readyz, name="readyz"),
]
handler400 = "dashboard.views.malformed"
handler404 = "dashboard.views.not_found"
handler500 = "dashboard.views.broken"
