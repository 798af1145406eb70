// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
using System.Globalization;

namespace KvmSharp.Tools;

/// <summary>Byte counts on the command line: a whole number with K, M, G or T (powers of 1024) behind it.</summary>
internal static class Sizes
{
    internal static ulong Parse(string text, string option)
    {
        ReadOnlySpan<char> digits = text;
        int shift = 0;
        if (text.Length > 0)
        {
            shift = char.ToUpperInvariant(text[^1]) switch
            {
                'K' => 10,
                'M' => 20,
                'G' => 30,
                'T' => 40,
                _ => 0,
            };
            if (shift != 0)
                digits = digits[..^1];
        }

        if (!ulong.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out ulong value) || value > ulong.MaxValue >> shift)
            throw new BadInputException($"{option}: '{text}' is no size (a whole number, with K, M, G or T if you like)");
        return value << shift;
    }

    internal static string Format(ulong bytes)
    {
        string[] units = ["bytes", "KiB", "MiB", "GiB", "TiB"];
        int unit = 0;
        while (unit < units.Length - 1 && bytes >= 1024 && bytes % 1024 == 0)
        {
            bytes /= 1024;
            unit++;
        }

        return string.Create(CultureInfo.InvariantCulture, $"{bytes} {units[unit]}");
    }

    /// <summary>A simulated duration in the largest unit that keeps three digits.</summary>
    internal static string Time(long ps) => ps switch
    {
        < 1_000 => string.Create(CultureInfo.InvariantCulture, $"{ps} ps"),
        < 1_000_000 => string.Create(CultureInfo.InvariantCulture, $"{ps / 1e3:0.###} ns"),
        < 1_000_000_000 => string.Create(CultureInfo.InvariantCulture, $"{ps / 1e6:0.###} us"),
        < 1_000_000_000_000 => string.Create(CultureInfo.InvariantCulture, $"{ps / 1e9:0.###} ms"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{ps / 1e12:0.###} s"),
    };
}
