// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

namespace KvmSharp.Analyzers.Tests;

/// <summary>Files that travel inside the test assembly.</summary>
public static class Resources
{
    /// <summary>Gets the names of the sample files: <c>Samples/KS1001_GuardedRead/MustWarn/Name.cs</c>.</summary>
    public static IEnumerable<string> Samples
        => typeof(Resources).Assembly.GetManifestResourceNames()
            .Where(name => name.StartsWith("Samples/", StringComparison.Ordinal) && name.Count(letter => letter == '/') == 3)
            .Order(StringComparer.Ordinal);

    /// <summary>Gets the names of the samples of code fixes: <c>FixSamples/KS1001_AddMustHold/Name.cs</c>.</summary>
    public static IEnumerable<string> FixSamples
        => typeof(Resources).Assembly.GetManifestResourceNames()
            .Where(name => name.StartsWith("FixSamples/", StringComparison.Ordinal))
            .Order(StringComparer.Ordinal);

    /// <summary>Reads a file.</summary>
    /// <param name="name">Its name.</param>
    /// <returns>Its text.</returns>
    public static string Read(string name)
    {
        using Stream stream = typeof(Resources).Assembly.GetManifestResourceStream(name) ?? throw new FileNotFoundException(name);
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }
}
