#pragma once
// Streams: what each end's user is told, against what both users have done.
//
// Messages arrive in order, without a gap, once, and at one acceptor only; what is acknowledged was
// consumed; nothing is offered or handed to the user of a node that may not act under the stream's
// token (R1); each end that was told of a stream hears one end, and by its deadline; "not executed"
// is true; nobody breaks the protocol or holds more than windows allow.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <hedgerow/stream.h>

#include "core/messaging/streams.h"
#include "sim/checkers/acts_checker.h"
#include "sim/kernel.h"
#include "sim/lives.h"

namespace hedgerow::sim {

class streams_checker {
 public:
  streams_checker(kernel& world, const acts_checker& acts, const lives& all)
      : world_(world), acts_(acts), lives_(all) {}

  struct end_id {
    std::uint64_t number = 0;  // of the stream
    std::size_t side = 0;      // 0 is the opener
  };

  // What a user does. Ends are known by their process and the engine's id.

  // It will be opened; its number, which goes into the metadata under number_key. Taken by
  // `taken_by`, over by `over_by` (true times; forever: no limit), and when nothing has passed for
  // `idle` (0: never).
  std::uint64_t begin(std::uint32_t process, core::stream_id id, message::request_kind kind,
                      true_time taken_by, true_time over_by, true_time idle = 0);
  // The next message of this end, of about that many bytes, behind its length.
  std::string write(std::uint32_t process, core::stream_id id, std::size_t size);
  void finish(std::uint32_t process, core::stream_id id);
  // A message of that many bytes.
  void consume(std::uint32_t process, core::stream_id id, std::size_t size);

  // What it is told.
  void on_offered(std::uint32_t process, core::stream_id id, const core::stream_offer& what,
                  true_time over_by);
  void on_open(std::uint32_t process, core::stream_id id, const std::string& from,
               fencing_token token);
  void on_message(std::uint32_t process, core::stream_id id, std::string_view message);
  void on_finished(std::uint32_t process, core::stream_id id);
  // Something that it wrote is on its way.
  void on_taken(std::uint32_t process, core::stream_id id);
  void on_acknowledged(std::uint32_t process, core::stream_id id, std::uint64_t messages);
  void on_end(std::uint32_t process, core::stream_id id, const stream_end& how);

  // Its process is gone; the engine says that everything has ended; stream_check.
  void on_gone(std::uint32_t process);
  void on_stopped(std::uint32_t process);
  void on_check(const end_id& end);

  // For the checker of windows.
  struct position {
    std::uint64_t messages = 0;
    std::uint64_t bytes = 0;  // with lengths
  };
  static std::optional<std::uint64_t> number_of(const std::map<std::string, std::string>& metadata);
  position consumed(const end_id& end) const { return side_of(end).consumed; }
  bool over(const end_id& end) const { return side_of(end).ended || side_of(end).gone; }
  // Data has reached it, be it not a whole message.
  void on_traffic(const end_id& end) { side_of(end).active = world_.now; }
  // The end that this process was offered last.
  end_id newest_at(std::uint64_t number, std::uint32_t process) const;

  std::uint64_t ended_well() const { return ended_well_; }

  static constexpr const char* number_key = "number";

 private:
  struct side {
    std::uint32_t process = 0;
    bool open = false;
    bool ended = false;
    bool gone = false;
    fencing_token token = 0;
    std::vector<std::size_t> written;  // sizes
    bool finish = false;
    bool finished = false;
    std::size_t from = none;  // the side whose messages it has received
    std::uint64_t received = 0;
    position consumed;
    std::size_t unread_bytes = 0;  // with lengths
    std::uint64_t acknowledged = 0;
    true_time over_by = forever;
    true_time idle = 0;
    true_time active = 0;  // when something passed last
  };
  // The opener is the first side; then those that took it, in their order.
  struct record {
    message::request_kind kind = message::request_kind::send;
    std::vector<side> sides;
    bool not_executed = false;  // as its opener was told
    true_time taken_by = forever;
  };

  static constexpr std::size_t none = SIZE_MAX;

  const side& side_of(const end_id& end) const { return streams_[end.number].sides[end.side]; }
  side& side_of(const end_id& end) { return streams_[end.number].sides[end.side]; }
  void judge_idle(const end_id& end, const side& s, const stream_end& how);
  bool idles_still(const end_id& end, const side& s);
  void begin_to_count(const end_id& end, side& s);
  void wrong(std::uint64_t number, const std::string& text);
  void place(std::uint32_t process, core::stream_id id, const end_id& end);
  // The end, which has not ended; or nullptr, and that is a violation.
  side* find(std::uint32_t process, core::stream_id id, std::string_view what);
  const end_id& place_of(std::uint32_t process, core::stream_id id) const {
    return places_.at(process).at(id);
  }
  // Consumed at the other side, of what this one has written.
  std::uint64_t consumed_of(const record& r, std::size_t side) const;
  void count(const record& r, const side& s, const stream_end& how);

  kernel& world_;
  const acts_checker& acts_;
  const lives& lives_;
  std::vector<record> streams_;
  std::vector<std::unordered_map<core::stream_id, end_id>> places_;  // by process
  std::uint64_t ended_well_ = 0;
};

}  // namespace hedgerow::sim
