// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

using System.IO.Compression;
using System.Text.Json;
using System.Xml.Linq;

namespace KvmSharp.Analyzers.Tests;

/// <summary>Packs both packages into a folder and uses them as a stranger would.</summary>
[TestFixture]
[Category("Pack")]
[NonParallelizable]
public sealed class PackTests
{
    private const string Code = """
        using System.Threading;
        using KvmSharp.Annotations;

        namespace Fresh;

        public sealed class Cache
        {
            private readonly object _gate = new();
            private readonly ReaderWriterLockSlim _rw = new();
            [GuardedBy("_gate")] private int _count;
            [GuardedBy("_rw")] private int _size;

            public int Count => _count; // KS1001

            public void Hit()
            {
                lock (_gate)
                    _count++;
            }

            public void Grow()
            {
                _rw.EnterReadLock();
                _size++; // KS1002
                _rw.ExitReadLock();
            }

            public void Leave()
            {
                Monitor.Enter(_gate);
            } // KS1007

            [MustHold("_gat")] // KS9001
            public void Odd()
            {
            }
        }
        """;

    private string folder = null!;
    private string packages = null!;

    [OneTimeSetUp]
    public void Pack()
    {
        this.folder = Path.Combine(Path.GetTempPath(), "kvmsharp-pack-" + Guid.NewGuid().ToString("N"));
        this.packages = Path.Combine(this.folder, "packages");
        Directory.CreateDirectory(this.packages);
        foreach (string project in new[] { "KvmSharp.Annotations", "KvmSharp.Analyzers" })
        {
            (int exit, string output) = Dotnet.Run(Dotnet.Root, "pack", $"analyzers/{project}/{project}.csproj", "-c", Dotnet.Configuration, "--no-build", "-o", this.packages);
            Assert.That(exit, Is.Zero, output);
        }
    }

    [OneTimeTearDown]
    public void Clean() => Directory.Delete(this.folder, recursive: true);

    [Test]
    public void TheAnalyzerPackageCarriesAnalyzersAndCodeFixesAndNothingElse()
    {
        using ZipArchive package = this.Open("KvmSharp.Analyzers.0");
        string[] files = [.. package.Entries.Select(entry => entry.FullName).Where(name => name.EndsWith(".dll", StringComparison.Ordinal) || name.EndsWith(".md", StringComparison.Ordinal))];
        Assert.That(files, Is.EquivalentTo(new[] { "analyzers/dotnet/cs/KvmSharp.Analyzers.dll", "analyzers/dotnet/cs/KvmSharp.Analyzers.CodeFixes.dll", "README.md" }));
    }

    [Test]
    public void TheAnalyzerPackageIsADevelopmentDependencyThatNeedsTheAnnotations()
    {
        XElement metadata = this.Metadata("KvmSharp.Analyzers.0");
        XNamespace ns = metadata.Name.Namespace;
        Assert.Multiple(() =>
        {
            Assert.That(metadata.Element(ns + "developmentDependency")?.Value, Is.EqualTo("true"));
            Assert.That(metadata.Element(ns + "license")?.Value, Is.EqualTo("MIT"));
            Assert.That(metadata.Element(ns + "readme")?.Value, Is.EqualTo("README.md"));
            Assert.That(metadata.Descendants(ns + "dependency").Select(dependency => dependency.Attribute("id")!.Value), Is.EqualTo(new[] { "KvmSharp.Annotations" }));
        });
    }

    [Test]
    public void TheAnnotationsPackageHasNoDependency()
    {
        XElement metadata = this.Metadata("KvmSharp.Annotations.0");
        using ZipArchive package = this.Open("KvmSharp.Annotations.0");
        Assert.Multiple(() =>
        {
            Assert.That(metadata.Descendants(metadata.Name.Namespace + "dependency"), Is.Empty);
            Assert.That(metadata.Element(metadata.Name.Namespace + "license")?.Value, Is.EqualTo("MIT"));
            Assert.That(package.GetEntry("lib/netstandard2.0/KvmSharp.Annotations.dll"), Is.Not.Null);
            Assert.That(package.GetEntry("README.md"), Is.Not.Null);
        });
    }

    [Test]
    public void AFreshProjectSeesTheExpectedDiagnosticsAndNothingElse()
    {
        string project = Path.Combine(this.folder, "fresh");
        Directory.CreateDirectory(project);
        File.WriteAllText(Path.Combine(project, "nuget.config"), $"""
            <configuration>
              <packageSources>
                <clear />
                <add key="local" value="{this.packages}" />
              </packageSources>
            </configuration>
            """);
        File.WriteAllText(Path.Combine(project, "Fresh.csproj"), $"""
            <Project Sdk="Microsoft.NET.Sdk">
              <PropertyGroup>
                <TargetFramework>net10.0</TargetFramework>
                <Nullable>enable</Nullable>
                <NuGetAudit>false</NuGetAudit>
                <ErrorLog>fresh.sarif,version=2.1</ErrorLog>
                <RestorePackagesPath>{Path.Combine(this.folder, "cache")}</RestorePackagesPath>
              </PropertyGroup>
              <ItemGroup>
                <PackageReference Include="KvmSharp.Analyzers" Version="0.1.0" PrivateAssets="all" />
              </ItemGroup>
            </Project>
            """);
        File.WriteAllText(Path.Combine(project, "Cache.cs"), Code);
        (int exit, string output) = Dotnet.Run(project, "build");
        var wanted = Sample.Parse("Cache.cs", Code).Expected.Select(expected => ("Cache.cs", expected.Line, "warning", expected.Id));
        Assert.That(exit, Is.Zero, output);
        Assert.That(Dotnet.Diagnostics(output), Is.EquivalentTo(wanted), output);

        using JsonDocument sarif = JsonDocument.Parse(File.ReadAllText(Path.Combine(project, "fresh.sarif")));
        JsonElement[] results = [.. sarif.RootElement.GetProperty("runs")[0].GetProperty("results").EnumerateArray()];
        JsonElement held = results.Single(result => result.GetProperty("ruleId").GetString() == "KS1007");
        JsonElement related = held.GetProperty("relatedLocations")[0].GetProperty("physicalLocation").GetProperty("region").GetProperty("startLine");
        int acquired = Array.FindIndex(Code.Split('\n'), line => line.Contains("Monitor.Enter", StringComparison.Ordinal)) + 1;
        Assert.That(related.GetInt32(), Is.EqualTo(acquired), "the log must say where the lock was taken");
    }

    private ZipArchive Open(string name) => ZipFile.OpenRead(Directory.GetFiles(this.packages, name + "*.nupkg").Single());

    private XElement Metadata(string name)
    {
        using ZipArchive package = this.Open(name);
        using Stream stream = package.Entries.Single(entry => entry.FullName.EndsWith(".nuspec", StringComparison.Ordinal)).Open();
        return XDocument.Load(stream).Root!.Elements().Single();
    }
}
