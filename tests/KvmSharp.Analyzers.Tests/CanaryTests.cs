// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

namespace KvmSharp.Analyzers.Tests;

/// <summary>A build that must fail, to prove that the analyzers of this tree really run in the compiler of the SDK.</summary>
[TestFixture]
[Category("Canary")]
[NonParallelizable]
public sealed class CanaryTests
{
    [Test]
    public void TheCanaryDoesNotBuild()
    {
        string folder = Path.Combine(Dotnet.Root, "tests", "KvmSharp.Analyzers.Canary");
        (int exit, string output) = Dotnet.Run(folder, "build", "-c", Dotnet.Configuration, "-p:BuildProjectReferences=false", "--no-incremental");
        var found = Dotnet.Diagnostics(output).Select(diagnostic => (diagnostic.Severity, diagnostic.Id)).Distinct();
        Assert.That(exit, Is.Not.Zero, output);
        Assert.That(found, Is.EquivalentTo(new[] { ("error", "KS1002"), ("error", "KS2001"), ("error", "KS4001"), ("error", "KS9001") }), output);
    }
}
