#pragma once
// The store port: one lease row and one view row per group.
//
// Every write is one statement with its condition inside; the store decides. A reply comes back
// through `store_listener`, on the loop's thread, never from within `submit`. There may be no reply
// at all (a frozen store): whoever submits keeps a deadline of its own and treats silence as an
// unknown outcome (R2). Replies may also come after that; they are matched by id and dropped.

#include <cstdint>
#include <optional>
#include <string>

#include <hedgerow/member.h>

#include "model/time.h"

namespace hedgerow::ports {

// Lease reference 5.1. Instants are on the scale of the holder's clock.
struct lease_row {
  std::string holder;
  hedgerow::incarnation incarnation;
  std::string address;
  std::string machine{};  // of the holder, see member::machine
  fencing_token token = 0;
  instant expires;
  microseconds lease{};      // the holder's lease length; information only
  microseconds lease_max{};  // LMAX: the lease with which the group was created (R4)
  instant safe_after;        // R8: nobody acts before `earliest` has passed this
  bool released = false;
  std::string epoch;  // R9: of the statement that wrote `expires`
  std::string scale;
  std::int64_t version = 0;  // grows with every take and re-pin (F12); 0: not taken yet

  bool operator==(const lease_row&) const = default;
};

enum class lease_action : std::uint8_t { read, create, acquire, renew, release, repin };

// Which fields count, and the condition that the statement carries:
//   read     none.
//   create   `row`, if there is no row and the store's epoch is row.epoch. Version 0, released:
//            nobody has held it yet (R8).
//   acquire  holder, incarnation, address, machine, expires, lease, epoch, scale and `row.token`
//            (the hint of R5) of `row`, if the row's token is `observed`, its scale is row.scale,
//            the store's epoch is row.epoch, and either the row has that epoch and is released or
//            expired before `earliest` (R3), or it has another epoch and `waited` holds (F11).
//            Sets token to GREATEST(token + 1, hint), version to version + 1, released to false,
//            and safe_after to 0 where the epoch changes, else to row.safe_after where the version
//            was 0 (R8), else leaves it.
//   renew    expires to GREATEST(expires, row.expires), if token and incarnation are row's, it is
//            not released, and both the row's and the store's epoch are row.epoch (R6, R9).
//   release  released to true, if token and incarnation are row's (R7).
//   repin    epoch, version, and expires to GREATEST(expires, row.expires), if token and
//   incarnation
//            are row's, it is not released, version < row.version, and the store's epoch is
//            row.epoch (F12).
struct lease_request {
  lease_action action = lease_action::read;
  lease_row row{};
  fencing_token observed = 0;
  instant earliest{};  // of the submitter; all but acquire only note it in the row
  bool waited = false;
};

enum class store_outcome : std::uint8_t {
  done,     // executed; `applied` says whether its condition held
  failed,   // definitely not executed
  unknown,  // may have been executed, or may be executed later (R2)
};

struct lease_reply {
  store_outcome outcome = store_outcome::failed;
  bool applied = false;  // true for a read
  // The row after the statement; where it did not apply, the row as read right after. Absent when
  // there is none, and when the outcome is not `done`.
  std::optional<lease_row> row;
  std::string epoch;  // the store's, seen by this statement; empty when the outcome is not `done`
  std::string error;  // names the store; empty when done
};

struct view_row {
  view_id id;
  std::string epoch;  // of the statement that wrote `members`
  std::vector<member> members;
  std::vector<removal> removed;
  // The token of who wrote `members`, if the row was claimed since; 0: id.token.
  fencing_token list_token = 0;

  // How new the list is, whoever has claimed the row since.
  view_id list_id() const { return {list_token != 0 ? list_token : id.token, id.sequence}; }

  bool operator==(const view_row&) const = default;
};

enum class view_action : std::uint8_t { read, claim, commit };

// DESIGN 5:
//   read    none.
//   claim   token of `row`, if the row's token is lower; list_token, if it is 0, to the token that
//           was there; all else stays, the epoch too. A missing row is created with sequence 0 and
//           no members: it says nothing of the views before.
//   commit  everything of `row`, if the row's (token, sequence) is `expected`.
struct view_request {
  view_action action = view_action::read;
  view_row row{};
  view_id expected{};
};

struct view_reply {
  store_outcome outcome = store_outcome::failed;
  bool applied = false;
  std::optional<view_row> row;  // as in lease_reply
  std::string epoch;            // likewise: the one of the group's lease statements
  std::string error;
};

using request_id = std::uint64_t;

class store_listener {
 public:
  virtual ~store_listener() = default;
  virtual void on_lease_reply(request_id id, const lease_reply& reply) = 0;
  virtual void on_view_reply(request_id id, const view_reply& reply) = 0;
};

class store {
 public:
  virtual ~store() = default;

  // Confined to the loop's thread; never block. Lease statements have a connection of their own and
  // never wait behind a view's. `patience` is how long the submitter will wait: a statement that
  // has not begun by then must not be begun any more.
  virtual void submit(request_id id, lease_request request, nanoseconds patience) = 0;
  virtual void submit(request_id id, view_request request, nanoseconds patience) = 0;
};

}  // namespace hedgerow::ports
