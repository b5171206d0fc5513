#pragma once
// What each command does once its command line is understood. Each returns the exit code.

#include <optional>
#include <string>

#include "tools/options.h"

namespace hedgerow::tools {

int run_agent(const shared_options& shared, const agent_settings& mine);
int run_members(const shared_options& shared, bool from_store);
int run_leader(const shared_options& shared);
int run_clock(const shared_options& shared, const std::string& clock);
int run_watch(const shared_options& shared);
// Without a text, or with "-", the payload is read from stdin.
int run_send(const shared_options& shared, const std::optional<std::string>& text);
// Prints a new secret for --secret-file.
int run_secret_new();
// What a DBA runs for this role; empty: without grants.
int run_store_sql(const std::string& role);
int run_broadcast(const shared_options& shared, const std::optional<std::string>& text);
int run_stream(const shared_options& shared, const stream_settings& mine);

// Holds the lock while the command runs.
int run_lock(const lock_settings& mine);

}  // namespace hedgerow::tools
