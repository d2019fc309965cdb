/// CRC-32C, the checksum of iSCSI, ext4 and PostgreSQL's own log.
#pragma once

#include <cstdint>
#include <string_view>

namespace eventstore::detail {

/// The checksum of what `so_far` is that of (0 = nothing) and these bytes after it. It finds every single damage of up to
/// 32 bits in a row, and any other but for one in four thousand million; it is no protection against forgery.
std::uint32_t crc32c(std::uint32_t so_far, std::string_view bytes) noexcept;

/// The same without the processor's own instruction; for tests.
std::uint32_t crc32c_by_table(std::uint32_t so_far, std::string_view bytes) noexcept;

} // namespace eventstore::detail
