#pragma once
// The windows and positions of streams, as the network carries them, against what users have done.
//
// Nobody sends more than it was told that it may; a promise is never taken back; all promises of
// one end of a connection together, less what is consumed, stay within its bytes; whoever says that
// messages are consumed has seen its user do so; nothing comes behind a finish or a reset. Streams
// to oneself stay inside of the engine: of them only the users' side is checked.

#include <array>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>

#include "sim/checkers/streams_checker.h"
#include "sim/kernel.h"
#include "sim/network_model.h"

namespace hedgerow::sim {

class windows_checker final : public wire_watcher {
 public:
  // `bytes` is what may be promised on a connection.
  windows_checker(kernel& world, streams_checker& users, std::size_t bytes)
      : world_(world), users_(users), bytes_(bytes) {}

  // A process with windows of another size.
  void is_client(std::uint32_t process) { clients_.insert(process); }
  void on_carried(std::uint32_t process, std::uint64_t side, const message::any& what) override;
  void on_handed(std::uint64_t side, const message::any& what) override;
  // The engine of the process has done all that it wanted to.
  void settle();

 private:
  // What one end of a stream is sent.
  struct way {
    streams_checker::end_id end;
    bool known = false;         // `end` is
    bool over = false;          // it sends nothing any more, and owes nothing
    bool finished = false;      // the other end sends nothing any more
    std::uint64_t granted = 0;  // as it has said
    std::uint64_t heard = 0;    // as the other end has heard
    std::uint64_t sent = 0;
  };
  // By the end that receives: 0 is the one that has dialled.
  using flow = std::array<way, 2>;

  void wrong(const flow& f, const std::string& text);
  void promise(way& w, std::uint64_t side, std::uint64_t limit);
  void say_consumed(const flow& f, const way& w, std::uint64_t messages);
  flow* find(std::uint64_t side, std::uint64_t stream);
  void carried(std::uint32_t process, std::uint64_t side, const message::stream_open& what);
  void carried(std::uint32_t process, std::uint64_t side, const message::stream_accept& what);
  void carried(std::uint32_t process, std::uint64_t side, const message::stream_data& what);
  void carried(std::uint32_t process, std::uint64_t side, const message::stream_credit& what);
  void carried(std::uint32_t process, std::uint64_t side, const message::stream_finish& what);
  void carried(std::uint32_t process, std::uint64_t side, const message::stream_reset& what);
  template <class Other>
  void carried(std::uint32_t /*process*/, std::uint64_t /*side*/, const Other& /*what*/) {}

  kernel& world_;
  streams_checker& users_;
  std::size_t bytes_;
  // By connection, then by the number on the wire.
  std::unordered_map<std::uint64_t, std::map<std::uint64_t, flow>> flows_;
  std::set<std::uint32_t> clients_;
  std::set<std::uint64_t> sides_of_clients_;
  std::set<std::uint64_t> changed_;  // sides that have promised something since they settled
};

}  // namespace hedgerow::sim
