#include "tests/databases/failover.h"

#include <fstream>
#include <stdexcept>

namespace hedgerow::databases_test {

using postgres_test::milliseconds;
using postgres_test::postgres_server;
using postgres_test::wait_for;

namespace {

constexpr milliseconds patience{20'000};

}  // namespace

failover::failover() {
  primary.set("wal_retrieve_retry_interval", "'100ms'");  // else a promotion takes 5 s
  standby = primary.standby();
}

std::string failover::both() const {
  return "postgres:///app?user=owner&host=" + primary.folder().native() + "," +
         standby->folder().native() + "&port=" + std::to_string(primary.port()) + "," +
         std::to_string(standby->port());
}

bool failover::caught_up() const {
  const std::string written = primary.psql("SELECT pg_current_wal_lsn()");
  return standby->psql("SELECT pg_last_wal_replay_lsn() >= '" +
                       written.substr(0, written.size() - 1) + "'") == "t\n";
}

void failover::cut_replication() {
  if (!wait_for([this] { return caught_up(); }, patience))
    throw std::runtime_error{"the standby does not catch up"};
  standby->set("primary_conninfo", "''");
  if (!wait_for(
          [this] { return standby->psql("SELECT count(*) FROM pg_stat_wal_receiver") == "0\n"; },
          patience))
    throw std::runtime_error{"the standby goes on receiving"};
}

void failover::replicate_synchronously() {
  primary.set("synchronous_standby_names", "'standby'");
  if (!wait_for(
          [this] { return primary.psql("SELECT sync_state FROM pg_stat_replication") == "sync\n"; },
          patience))
    throw std::runtime_error{"the standby is not synchronous"};
}

// A clean shutdown waits until the standby has everything.
void failover::change(postgres_server& from, postgres_server& to) {
  from.stop();
  to.promote();
  std::ofstream{from.data() / "standby.signal"}.close();
  postgres_test::give_away(from.data() / "standby.signal");
  std::ofstream{from.data() / "postgresql.auto.conf", std::ios::app}
      << "primary_conninfo = 'user=postgres host=" << to.folder().native() << " port=" << to.port()
      << "'\n";
  from.start();
}

void failover::fail_over() {
  primary.kill9();
  standby->promote();
}

}  // namespace hedgerow::databases_test
