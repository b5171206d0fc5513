#pragma once
// A leader and who sends to it: Hedgerow's side of the measurements.

#include <memory>
#include <string>

#include <hedgerow/node.h>

#include "bench/lib/bare_stream.h"
#include "bench/lib/process.h"
#include "bench/lib/series.h"

namespace hedgerow::bench {

enum class handler_place { loop, pool };

// Where a group is, and how it is protected.
struct place {
  std::string store;
  std::string secret_file{};  // empty: plain text
};

// With `tls` it makes the secret, too.
place place_in(const temporary_folder& folder, const std::string& name,
               protection how = protection::none);

// A node with the lease of a second, whose handlers answer with what they got, and which counts
// what comes on streams. Never returns.
[[noreturn]] void serve_group(const place& at, handler_place where);

// A second member, once the server leads the group: so it goes on leading.
std::unique_ptr<node> join_group(const place& at);

// One message after the other, each sent from the completion of the one before, on the loop.
void send_one_by_one(node& from, int count, series& out);
void send_blocking(node& from, int count, series& out);
// `count` messages with `window` of them on their way; a completion sends the next.
clock::duration send_in_flight(node& from, int count, int window);

}  // namespace hedgerow::bench
