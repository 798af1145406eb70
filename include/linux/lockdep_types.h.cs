// SPDX-License-Identifier: GPL-2.0-only
// Mirrors include/linux/lockdep_types.h, Linux 6.18.
namespace Linux;

/// <summary>What lockdep knows of a lock: its class is its name and the place that made it. Every lock type derives from this.</summary>
internal class lockdep_map
{
    internal string name;
    internal string file;
    internal int line;

    /// <summary>The class, looked up at the first acquisition. Only ever goes from null to the one value.</summary>
    internal lock_class? class_cache;

    internal lockdep_map(string name, string file, int line)
    {
        this.name = name;
        this.file = file;
        this.line = line;
    }

    internal lockdep_map dep_map => this;

    /// <summary>Names a lock that was made before its place was known. Only before its first use.</summary>
    internal void SetName(string name, string? file = null, int line = 0)
    {
        this.name = name;
        if (file is not null)
        {
            this.file = file;
            this.line = line;
        }

        this.class_cache = null;
    }

    public override string ToString() => this.name;
}
