#include "store/location.h"

#include <cstdlib>

#include <gtest/gtest.h>

namespace hedgerow::store {
namespace {

using std::filesystem::path;

path file_of(std::string_view url) {
  return std::get<sqlite_location>(parse_url(url).value()).file;
}

class location_test : public testing::Test {
 protected:
  location_test() {
    unsetenv("STATE_DIRECTORY");
    setenv("XDG_STATE_HOME", "/xdg", 1);
    setenv("HOME", "/home/ann", 1);
  }
};

TEST_F(location_test, by_default_is_where_the_surroundings_say) {
  EXPECT_EQ(default_file().value(), path("/xdg/hedgerow/hedgerow.db"));
  setenv("STATE_DIRECTORY", "/var/lib/one:/var/lib/two", 1);
  EXPECT_EQ(default_file().value(), path("/var/lib/one/hedgerow.db"));
  unsetenv("STATE_DIRECTORY");
  setenv("XDG_STATE_HOME", "relative", 1);
  EXPECT_EQ(default_file().value(), path("/home/ann/.local/state/hedgerow/hedgerow.db"));
  EXPECT_EQ(file_of(""), default_file().value());
  setenv("HOME", "", 1);
  const auto none = default_file();
  ASSERT_FALSE(none);
  EXPECT_NE(none.error().message().find("--store"), std::string::npos);
}

TEST_F(location_test, comes_from_urls_and_paths) {
  EXPECT_EQ(file_of("sqlite:///a/b.db"), path("/a/b.db"));
  EXPECT_EQ(file_of("sqlite:/a/b.db"), path("/a/b.db"));
  EXPECT_EQ(file_of("/a/../c.db"), path("/c.db"));
  EXPECT_EQ(file_of("sqlite:c.db"), std::filesystem::current_path() / "c.db");
  EXPECT_EQ(file_of("c.db"), std::filesystem::current_path() / "c.db");
}

TEST_F(location_test, leaves_urls_of_postgresql_to_its_driver) {
  for (const char* url : {"postgres://db/x", "postgresql://u@a,b:6000/x?sslmode=disable"})
    EXPECT_EQ(std::get<postgres_location>(parse_url(url).value()).url, url);
}

TEST_F(location_test, never_repeats_what_may_hold_a_password) {
  const auto refused = parse_url("mysql://ann:secret@db/x");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message().find("secret"), std::string::npos);
}

TEST_F(location_test, refuses_what_is_no_file) {
  for (const char* url : {"sqlite:", "sqlite://", "sqlite://host/x.db", "mysql://db", ":memory:",
                          "sqlite::memory:", "/tmp/", "postgres:db", "postgresql:/db"}) {
    const auto refused = parse_url(url);
    ASSERT_FALSE(refused) << url;
    EXPECT_EQ(refused.error().code, errc::invalid_argument) << url;
  }
}

}  // namespace
}  // namespace hedgerow::store
