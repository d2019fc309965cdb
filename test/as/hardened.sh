# What people take away from everybody by default: no function may be called, no type used, nothing made or seen in the
# schema public, until it is granted.
tests=(-R '^(api|transaction|cli|typed|examples)\.')

begin() {
    local user
    user=$(part USER)
    superuser --command "alter default privileges for role \"$user\" revoke execute on functions from public" \
        --command "alter default privileges for role \"$user\" revoke usage on types from public" \
        --command "revoke all on schema public from public"
}
