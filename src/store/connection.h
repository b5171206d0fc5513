#pragma once
// One connection to a database: blocking statements.
//
// Outcomes are those of ports/store.h. `failed` only for what certainly was not executed; `unknown`
// for a write whose commit may have happened, or may happen later.

#include <cstdint>
#include <string>

#include <hedgerow/error.h>

#include "model/time.h"
#include "ports/store.h"

namespace hedgerow::store {

// Locks share no rows with groups: each kind has a table of its own.
enum class row_kind : std::uint8_t { group, lock };

struct row_key {
  row_kind kind = row_kind::group;
  std::string name;  // 1 to 255 bytes, any but zero

  bool operator==(const row_key&) const = default;
};

// One thread at a time, except `cancel`. Nothing is begun after its deadline.
class connection {
 public:
  virtual ~connection() = default;

  // Makes it usable, with tables; later statements do so by themselves. store_unavailable: may
  // work later. Anything else: somebody must mend something first.
  virtual result<void> ready(boot_time deadline) = 0;
  virtual ports::lease_reply execute(const row_key& key, const ports::lease_request& request,
                                     boot_time deadline) = 0;
  // Requires: the key is a group's.
  virtual ports::view_reply execute(const row_key& key, const ports::view_request& request,
                                    boot_time deadline) = 0;

  // From any thread: waits of a statement end soon, now and later.
  virtual void cancel() noexcept = 0;
  // Gives up what it holds; the next statement connects again.
  virtual void close() = 0;
};

}  // namespace hedgerow::store
