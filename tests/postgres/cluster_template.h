#pragma once
// A database cluster made once per build tree and copied for each server: initdb takes a second,
// the copy a tenth.

#include <filesystem>
#include <string>

namespace hedgerow::postgres_test {

// The newest of Debian's versions, else the first in PATH. Throws if there is none.
std::filesystem::path server_program(const std::string& name);

// Makes the data folder `to` in the scratch folder, as a copy of the template; whoever comes first
// makes that, under a file lock, for this version of PostgreSQL, this user and the settings below.
//
// Roles: "postgres" (superuser), "owner" (owns the database "app", may create tables in it), "app"
// (may not). Trusted on the Unix socket; by TCP with password (SCRAM), see
// postgres_server::password.
void copy_cluster(const std::filesystem::path& to, const std::filesystem::path& scratch);

// The same, from an initdb of its own: another system identifier.
void make_cluster(const std::filesystem::path& to, const std::filesystem::path& scratch);

}  // namespace hedgerow::postgres_test
